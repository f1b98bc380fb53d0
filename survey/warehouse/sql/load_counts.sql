-- Shared counts (the view `counts`) over the papers that load_papers.sql has numbered.
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
