-- The papers of a domain, or of any where $domain is NULL, or every paper where $every holds; with the domains whose
-- threshold each reaches. $thresholds: those of $domains, in order. $sections and $domain_sum as in trend_domain.sql.
WITH reached AS (
    SELECT paper, domain FROM domain_level($sections)
    WHERE CASE WHEN $domain_sum THEN together ELSE most END >= list_extract($thresholds, list_position($domains, domain))
)
SELECT arxiv_id, title, published, is_day, surface, id_source,
       list_sort(list(domain) FILTER (domain IS NOT NULL)) AS domains
FROM paper LEFT JOIN reached USING (paper)
GROUP BY ALL
HAVING $every OR count(*) FILTER (domain IS NOT NULL AND ($domain IS NULL OR domain = $domain)) > 0
ORDER BY published NULLS LAST, arxiv_id;
