//! Keeps AWS Lambda layers for Python in step with a repository's dependency files.
