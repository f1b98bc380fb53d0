"""The pages of the advisor in the app."""
