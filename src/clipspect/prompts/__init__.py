"""Words for classes: prompts, their ensembles and prototypes."""
