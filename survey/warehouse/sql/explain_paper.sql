-- The papers with an id, or with all words of a title in any order: `searcher incentivizing` finds "R1-Searcher: …".
SELECT paper, arxiv_id, title, published, is_day, surface, id_source FROM paper
WHERE arxiv_id = $asked OR ($by_title AND list_bool_and(
    [contains(lower(title), word) FOR word IN regexp_split_to_array(trim(lower($asked)), '[^\w]+') IF word <> '']
))
ORDER BY arxiv_id;
