"""Forms made of parameter models: `build` shows stored params in a form, `Form.read` gives them back.

    form = build(spec.params, step["params"], providers=providers, prefix="p-")
    params = form.read(request.form)        # after a post
    if form.acted or form.errors: …         # render again (errors: status 422)

In a template: `{% import "forms/fields.html" as formgen %}{{ formgen.render(form) }}` inside a form that posts to the
same view. A new widget is one file in widgets/ (a subclass of Field) and its template in templates/forms/.
"""

from flowapp.web.forms.form import Form, build
from flowapp.web.forms.providers import Providers

__all__ = ["Form", "Providers", "build"]
