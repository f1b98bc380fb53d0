-- The warehouse. Counts are sparse: a benchmark that a paper never names has no row.
CREATE TABLE benchmark (benchmark VARCHAR PRIMARY KEY, name VARCHAR, domain VARCHAR);
CREATE TABLE paper (
    paper INTEGER PRIMARY KEY,
    arxiv_id VARCHAR,   -- without version; local:… where no id is proved
    title VARCHAR,
    published DATE,     -- version 1; NULL where unknown, and then the paper is in no period
    is_day BOOLEAN,     -- whether `published` is a stated day; else the first of the month in the id
    surface VARCHAR,    -- what was counted: latex, pdf, markdown, …
    id_source VARCHAR
);
CREATE TABLE mention_count (paper INTEGER, benchmark VARCHAR, alias VARCHAR, section VARCHAR, n INTEGER);
CREATE TABLE mention (
    paper INTEGER, benchmark VARCHAR, alias VARCHAR, section VARCHAR,
    start INTEGER, stop INTEGER,  -- bytes of the extracted text in UTF-8
    counted BOOLEAN, reason VARCHAR
);
CREATE TABLE provenance (key VARCHAR PRIMARY KEY, value VARCHAR);
