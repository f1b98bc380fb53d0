-- The papers of a table of abstracts ($path; columns arxiv_id, published, title, abstract, and where it has them
-- categories, license, and lists: the names of the lists that hold a paper, with spaces between). A row without an id,
-- a date, a title or an abstract has NULL there, so that it can be counted as refused.
SELECT
    nullif(regexp_extract(trim(arxiv_id), '^(?:arXiv:)?((?:[a-z-]+(?:\.[A-Z]{2})?/\d{7})|(?:\d{4}\.\d{4,5}))(?:v\d+)?$', 1), '')
        AS arxiv_id,
    NULL::INTEGER AS version, nullif(trim(title), '') AS title, nullif(trim(abstract), '') AS abstract,
    <categories> AS categories,
    coalesce(try_cast(published AS DATE), try_strptime(published::VARCHAR, ['%Y-%m', '%Y-%m-%dT%H:%M:%SZ'])::DATE)
        AS published,
    <license> AS license, <lists> AS lists, <comments> AS comments,
    file_row_number AS row
FROM read_parquet($path, file_row_number = true)
