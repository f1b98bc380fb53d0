-- Labels and citations of shared counts (the registered table `counts`), where they hold any.
INSERT INTO paper_method BY NAME
SELECT paper, any_value(method) AS method, any_value(method_probability) AS probability,
       any_value(by_cues) AS by_cues, any_value(by_classifier) AS by_classifier
FROM counts JOIN paper USING (arxiv_id)
WHERE method IS NOT NULL
GROUP BY paper;
INSERT INTO paper_source BY NAME
SELECT paper, unnest(sources) AS source, generate_subscripts(sources, 1) - 1 AS rank, source_probability AS probability
FROM (
    SELECT paper, any_value(sources) AS sources, any_value(source_probability) AS source_probability
    FROM counts JOIN paper USING (arxiv_id)
    WHERE sources IS NOT NULL
    GROUP BY paper
);
INSERT INTO citation BY NAME
SELECT DISTINCT paper.paper AS citing, other.paper AS cited
FROM (SELECT DISTINCT arxiv_id, unnest(cites) AS cited_id FROM counts WHERE cites IS NOT NULL) AS edge
JOIN paper USING (arxiv_id) JOIN paper AS other ON other.arxiv_id = cited_id;
