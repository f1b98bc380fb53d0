-- The papers of arXiv's metadata snapshot ($path, one JSON record a line) that were first submitted in a window, in any
-- of $categories (all where it is empty); and, without an id or a date, every line that is no record of a paper.
SELECT * FROM (
    SELECT
        id AS arxiv_id, len(versions)::INTEGER AS version, title, abstract, categories,
        try_strptime(versions[1].created, '%a, %d %b %Y %H:%M:%S %Z')::DATE AS published, license,
        comments
    FROM read_json(
        $path, format = 'newline_delimited', ignore_errors = true, maximum_object_size = 4194304,
        columns = {id: 'VARCHAR', title: 'VARCHAR', abstract: 'VARCHAR', categories: 'VARCHAR', license: 'VARCHAR', comments: 'VARCHAR',
                   versions: 'STRUCT(version VARCHAR, created VARCHAR)[]'}
    )
)
WHERE arxiv_id IS NULL OR published IS NULL
   OR published BETWEEN $since AND $until
      AND (len($categories) = 0 OR len(list_intersect(string_split(categories, ' '), $categories)) > 0)
