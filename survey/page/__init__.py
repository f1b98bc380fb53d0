"""The Trends page of the app: trends shows, choices ask, papers lists what is behind a bar."""
