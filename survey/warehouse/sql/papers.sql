-- The papers that reach $threshold in $domain (in any where it is NULL), every paper where $threshold is 0; with the
-- domains in which each has $reached mentions. $sections and $domain_sum as in trend_domain.sql.
WITH leveled AS (
    SELECT paper, domain, CASE WHEN $domain_sum THEN together ELSE most END AS level FROM domain_level($sections)
)
SELECT arxiv_id, title, published, is_day, surface, id_source,
       list_sort(list(domain) FILTER (level >= $reached)) AS domains
FROM paper LEFT JOIN leveled USING (paper)
GROUP BY ALL
HAVING $threshold = 0 OR max(level) FILTER ($domain IS NULL OR domain = $domain) >= $threshold
ORDER BY published NULLS LAST, arxiv_id;
