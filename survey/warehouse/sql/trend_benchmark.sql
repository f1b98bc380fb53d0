-- How many papers of each month name each benchmark how often, so that every threshold is a sum over levels.
-- $sections: the sections in scope.
WITH level AS (
    SELECT paper, benchmark, sum(n) AS n FROM mention_count WHERE list_contains($sections, section) GROUP BY ALL
)
SELECT date_trunc('month', published)::DATE AS month, benchmark, least(n, $highest)::INTEGER AS level, count(*) AS papers
FROM level JOIN benchmark USING (benchmark) JOIN paper USING (paper)
WHERE published IS NOT NULL
GROUP BY ALL
ORDER BY ALL;
