-- The counts of one paper by alias and section: all that shared counts hold.
SELECT benchmark, domain, alias, section, n
FROM mention_count JOIN benchmark USING (benchmark)
WHERE paper = $paper
ORDER BY benchmark, alias, section;
