-- Every dated paper that others of the sample cite: month, method, primary source, domains that reach $threshold (in
-- $sections, $domain_sum as in trend_domain.sql), and how many cite it.
WITH received AS (SELECT cited AS paper, count(DISTINCT citing) AS citations FROM citation GROUP BY cited),
domains AS (
    SELECT paper, list(domain) AS domains
    FROM domain_level($sections)
    WHERE CASE WHEN $domain_sum THEN together ELSE most END >= $threshold
    GROUP BY paper
)
SELECT date_trunc('month', published)::DATE AS month, method, source, coalesce(domains, []) AS domains, citations
FROM received JOIN paper USING (paper) LEFT JOIN domains USING (paper) LEFT JOIN paper_method USING (paper)
LEFT JOIN paper_source ON paper_source.paper = paper.paper AND rank = 0
WHERE published IS NOT NULL
ORDER BY ALL;
