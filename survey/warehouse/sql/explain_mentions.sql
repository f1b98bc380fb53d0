-- Every place of one paper, counted or refused.
SELECT benchmark, domain, alias, section, start, stop, counted, reason
FROM mention JOIN benchmark USING (benchmark)
WHERE paper = $paper
ORDER BY start;
