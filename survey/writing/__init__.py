"""What lies between a survey and the paper about it: bibliographies in and out, citations, the flow diagram."""
