-- How many dated papers of each month have each method.
SELECT date_trunc('month', published)::DATE AS month, method, count(*) AS papers
FROM paper_method JOIN paper USING (paper)
WHERE published IS NOT NULL
GROUP BY ALL
ORDER BY ALL;
