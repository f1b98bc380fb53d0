-- How many dated papers have each pair of a highest and a second highest level over the domains: a paper is counted at
-- a threshold that its highest level reaches, and counted in several domains where the second does too.
WITH levels AS (
    SELECT paper, list_reverse_sort(list(CASE WHEN $domain_sum THEN together ELSE most END)) AS levels
    FROM domain_level($sections) JOIN paper USING (paper)
    WHERE published IS NOT NULL
    GROUP BY paper
)
SELECT least(levels[1], $highest)::INTEGER AS first, least(coalesce(levels[2], 0), $highest)::INTEGER AS second, count(*)
FROM levels
GROUP BY ALL
ORDER BY ALL;
