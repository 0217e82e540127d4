"""The screens: what a shop manager opens every morning. Server-rendered; reads through orchestration/readers only."""
