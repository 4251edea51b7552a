"""What all pages for people share: the look, the policy that they are answered with, and how text becomes HTML."""
