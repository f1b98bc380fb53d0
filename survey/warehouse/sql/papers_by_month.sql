-- The denominators: papers with a text, by the month of version 1.
SELECT date_trunc('month', published)::DATE AS month, count(*) AS papers
FROM paper
WHERE published IS NOT NULL
GROUP BY ALL
ORDER BY ALL;
