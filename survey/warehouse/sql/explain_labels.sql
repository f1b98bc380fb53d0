-- What one paper is labelled, by which route, and its data sources, the primary one first.
SELECT method, paper_method.probability, by_cues, by_classifier, list(source ORDER BY rank) FILTER (source IS NOT NULL),
       max(paper_source.probability)
FROM paper_method LEFT JOIN paper_source USING (paper)
WHERE paper = $paper
GROUP BY ALL;
