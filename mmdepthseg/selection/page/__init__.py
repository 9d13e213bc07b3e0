"""The page on which a person looks at a selection."""
