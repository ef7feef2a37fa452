"""Finding plugins, checking what they bring, and the rules that are plugins without Python."""
