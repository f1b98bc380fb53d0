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
-- Benchmark, alias and section are numbered first: groups of two numbers take half the memory of groups of texts.
CREATE TEMP TABLE kind AS
SELECT (row_number() OVER () - 1)::INTEGER AS kind, *
FROM (SELECT DISTINCT benchmark, alias, section FROM counts WHERE benchmark IS NOT NULL);
INSERT INTO mention_count BY NAME
SELECT paper, benchmark, alias, section, n
FROM (
    SELECT paper, kind, max(n)::INTEGER AS n
    FROM counts JOIN paper USING (arxiv_id) JOIN kind
        ON counts.benchmark = kind.benchmark AND counts.alias IS NOT DISTINCT FROM kind.alias
        AND counts.section IS NOT DISTINCT FROM kind.section
    GROUP BY paper, kind
) JOIN kind USING (kind);
DROP TABLE kind;
