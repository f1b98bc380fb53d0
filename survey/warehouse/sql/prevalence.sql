-- How many papers of each domain, at a threshold, have each method; `any` is all papers of the sample.
WITH of_domain AS (
    SELECT paper, domain FROM domain_level($sections) WHERE most >= $threshold
    UNION ALL
    SELECT paper, 'any' AS domain FROM paper
)
SELECT domain, method, count(*) AS papers
FROM of_domain JOIN paper_method USING (paper)
GROUP BY ALL
ORDER BY ALL;
