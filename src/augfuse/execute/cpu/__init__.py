"""The fused CPU executor: how a lowered plan is run, the loop over tiles, and the compiled passes over a tile."""
