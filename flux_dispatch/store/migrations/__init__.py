"""The schema's history, applied by `flux migrate`; each step works with the release before it."""
