-- Every dated paper that others of the sample cite: month, method, primary source, domains and benchmarks that
-- reach their threshold ($thresholds of $domains, in order; $sections, $domain_sum as in trend_domain.sql), and how many
-- cite it.
WITH received AS (SELECT cited AS paper, count(DISTINCT citing) AS citations FROM citation GROUP BY cited),
domains AS (
    SELECT paper, list(domain) AS domains
    FROM domain_level($sections)
    WHERE CASE WHEN $domain_sum THEN together ELSE most END >= list_extract($thresholds, list_position($domains, domain))
    GROUP BY paper
), named AS (
    SELECT paper, benchmark, domain, sum(n) AS n FROM mention_count JOIN benchmark USING (benchmark)
    WHERE list_contains($sections, section) GROUP BY ALL
), benchmarks AS (
    SELECT paper, list(benchmark) AS benchmarks FROM named
    WHERE n >= list_extract($thresholds, list_position($domains, domain)) GROUP BY paper
)
SELECT date_trunc('month', published)::DATE AS month, method, source, coalesce(domains, []) AS domains,
       coalesce(benchmarks, []) AS benchmarks, citations
FROM received JOIN paper USING (paper) LEFT JOIN domains USING (paper) LEFT JOIN benchmarks USING (paper)
LEFT JOIN paper_method USING (paper)
LEFT JOIN paper_source ON paper_source.paper = paper.paper AND rank = 0
WHERE published IS NOT NULL
ORDER BY ALL;
