-- What was counted: the text surfaces of the sample.
SELECT surface, count(*) AS papers FROM paper GROUP BY surface ORDER BY papers DESC, surface;
