-- The counts of a name index (the registered table `indexed`) over the papers of shared counts (the view `counts`), whose
-- numbers are their places in the order of arXiv ids, into an empty warehouse.
INSERT INTO paper BY NAME
SELECT (row_number() OVER (ORDER BY arxiv_id) - 1)::INTEGER AS paper, *
FROM (
    SELECT arxiv_id, min(title) AS title, min(published)::DATE AS published, bool_or(is_day) AS is_day,
           min(surface) AS surface, min(id_source) AS id_source
    FROM counts
    GROUP BY arxiv_id
);
INSERT INTO mention_count BY NAME
SELECT paper, benchmark, alias, 'body' AS section, n FROM indexed;
