"""Kind `teams`: an Adaptive Card to a Microsoft Teams workflow."""
