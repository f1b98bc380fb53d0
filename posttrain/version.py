"""The version of posttrain, apart from the face, so that every room can name it without importing the face."""

__version__ = "0.1.0"
