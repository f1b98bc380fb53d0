-- How many dated papers of each month have each primary data source.
SELECT date_trunc('month', published)::DATE AS month, source, count(*) AS papers
FROM paper_source JOIN paper USING (paper)
WHERE published IS NOT NULL AND rank = 0
GROUP BY ALL
ORDER BY ALL;
