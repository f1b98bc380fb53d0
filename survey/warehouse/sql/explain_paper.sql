SELECT paper, arxiv_id, title, published, is_day, surface, id_source FROM paper
WHERE arxiv_id = $asked OR ($by_title AND contains(lower(title), lower($asked)))
ORDER BY arxiv_id;
