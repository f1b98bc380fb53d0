"""Labels: the method and the data source of a paper, by cues, by a classifier and by readers."""
