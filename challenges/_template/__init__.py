"""One sentence that says what this challenge asks for."""
