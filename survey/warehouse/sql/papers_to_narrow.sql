-- Every paper with what a filter looks at.
SELECT paper, arxiv_id, title, published FROM paper ORDER BY paper;
