-- Size and span of the sample: papers, papers without a date, first and last date, papers known by file name alone.
SELECT
    count(*), count(*) FILTER (published IS NULL), min(published), max(published), count(*) FILTER (id_source = 'name')
FROM paper;
