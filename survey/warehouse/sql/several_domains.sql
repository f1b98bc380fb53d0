-- How many dated papers reach the threshold of any domain, and of more than one. $thresholds: those of $domains, in order.
-- $sections and $domain_sum as in trend_domain.sql.
WITH reached AS (
    SELECT paper, count(*) AS domains
    FROM domain_level($sections) JOIN paper USING (paper)
    WHERE published IS NOT NULL
      AND CASE WHEN $domain_sum THEN together ELSE most END >= list_extract($thresholds, list_position($domains, domain))
    GROUP BY paper
)
SELECT count(*), count(*) FILTER (domains > 1) FROM reached;
