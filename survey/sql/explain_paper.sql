SELECT paper, arxiv_id, title, published, surface, id_source FROM paper WHERE arxiv_id = $arxiv_id;
