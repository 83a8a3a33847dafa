"""Teams: who competes in one challenge."""
