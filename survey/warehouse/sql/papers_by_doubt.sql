-- Every paper with an arXiv id and what it is labelled, the least sure first.
SELECT arxiv_id, title, method, probability, by_cues, by_classifier
FROM paper JOIN paper_method USING (paper)
WHERE NOT starts_with(arxiv_id, 'local:')
ORDER BY probability, arxiv_id;
