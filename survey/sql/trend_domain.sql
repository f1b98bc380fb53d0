-- How many papers of each month reach each level of each domain. A level is the highest threshold at which the paper
-- belongs to the domain, so that every threshold is a sum over levels and no recount.
-- $sections: the sections in scope. $domain_sum: all benchmarks of the domain together, else the most named one alone.
WITH benchmark_level AS (
    SELECT paper, benchmark, sum(n) AS n
    FROM mention_count
    WHERE list_contains($sections, section)
    GROUP BY paper, benchmark
),
domain_level AS (
    SELECT paper, domain, CASE WHEN $domain_sum THEN sum(n) ELSE max(n) END AS level
    FROM benchmark_level JOIN benchmark USING (benchmark)
    GROUP BY paper, domain
)
SELECT date_trunc('month', published)::DATE AS month, domain, least(level, $highest)::INTEGER AS level, count(*) AS papers
FROM domain_level JOIN paper USING (paper)
WHERE published IS NOT NULL
GROUP BY ALL
ORDER BY ALL;
