-- The papers of shared counts (the view `counts`, as `survey label --export` writes it) into an empty warehouse, numbered by
-- the order of their arXiv ids. One paper once, also where two people's tables were joined and give it two titles.
INSERT INTO paper BY NAME
SELECT (row_number() OVER (ORDER BY arxiv_id) - 1)::INTEGER AS paper, *
FROM (
    SELECT arxiv_id, min(title) AS title, min(published)::DATE AS published, bool_or(is_day) AS is_day,
           min(surface) AS surface, min(id_source) AS id_source
    FROM counts
    GROUP BY arxiv_id
);
