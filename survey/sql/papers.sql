-- The papers that reach $threshold in $domain (in any where it is NULL), every paper where $threshold is 0; with the
-- domains in which each has $reached mentions. $sections and $domain_sum as in trend_domain.sql.
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
SELECT arxiv_id, title, published, is_day, surface, id_source,
       list_sort(list(domain) FILTER (level >= $reached)) AS domains
FROM paper LEFT JOIN domain_level USING (paper)
GROUP BY ALL
HAVING $threshold = 0 OR max(level) FILTER ($domain IS NULL OR domain = $domain) >= $threshold
ORDER BY published NULLS LAST, arxiv_id;
