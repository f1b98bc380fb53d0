-- How many papers of each month reach each level of each domain, so that every threshold is a sum over levels.
-- $sections: the sections in scope. $domain_sum: all benchmarks of the domain together, else the most named one alone.
SELECT
    date_trunc('month', published)::DATE AS month, domain,
    least(CASE WHEN $domain_sum THEN together ELSE most END, $highest)::INTEGER AS level, count(*) AS papers
FROM domain_level($sections) JOIN paper USING (paper)
WHERE published IS NOT NULL
GROUP BY ALL
ORDER BY ALL;
