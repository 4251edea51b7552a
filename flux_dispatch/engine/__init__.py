"""The verbs: each one public class that says what it needs of the world, and none that knows another."""
