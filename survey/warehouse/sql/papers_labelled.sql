-- The dated papers that have one of $labels as method, or where $by_source holds as primary data source.
WITH labelled AS (
    SELECT paper, method AS label, probability FROM paper_method WHERE NOT $by_source
    UNION ALL
    SELECT paper, source, probability FROM paper_source WHERE $by_source AND rank = 0
)
SELECT arxiv_id, title, published, is_day, label, probability
FROM labelled JOIN paper USING (paper)
WHERE list_contains($labels, label) AND published IS NOT NULL
ORDER BY probability DESC, published, arxiv_id;
