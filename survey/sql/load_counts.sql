-- Shared counts (the registered table `counts`, as `survey label --export` writes it) into an empty warehouse.
INSERT INTO paper BY NAME
SELECT (row_number() OVER (ORDER BY arxiv_id) - 1)::INTEGER AS paper, *
FROM (SELECT DISTINCT arxiv_id, title, published, is_day, surface, id_source FROM counts);
INSERT INTO mention_count BY NAME
SELECT paper, benchmark, alias, section, n
FROM counts JOIN paper USING (arxiv_id)
WHERE benchmark IS NOT NULL;
