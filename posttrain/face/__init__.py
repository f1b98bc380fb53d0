"""The functions of `import posttrain as pt`, a module for each room."""
