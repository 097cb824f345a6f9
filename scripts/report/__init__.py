"""The report: every figure and table of the study, drawn from the published marts, as a static site."""
