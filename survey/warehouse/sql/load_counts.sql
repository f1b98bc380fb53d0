-- Shared counts (the registered table `counts`, as `survey label --export` writes it) into an empty warehouse. One paper
-- once, also where two people's tables were joined and give it two titles.
INSERT INTO paper BY NAME
SELECT (row_number() OVER (ORDER BY arxiv_id) - 1)::INTEGER AS paper, *
FROM (
    SELECT arxiv_id, min(title) AS title, min(published)::DATE AS published, bool_or(is_day) AS is_day,
           min(surface) AS surface, min(id_source) AS id_source
    FROM counts
    GROUP BY arxiv_id
);
INSERT INTO mention_count BY NAME
SELECT paper, benchmark, alias, section, max(n)::INTEGER AS n
FROM counts JOIN paper USING (arxiv_id)
WHERE benchmark IS NOT NULL
GROUP BY paper, benchmark, alias, section;
