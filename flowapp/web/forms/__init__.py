"""WTForms forms made of parameter models.

    form = build(spec.params, step["params"], request.form if posted else None, providers=providers, prefix="p-")
    if not form.acted and form.validate(): …    # form.data are the params
    # else render again (form.errors: status 422)

In a template: `{% import "forms/fields.html" as formgen %}{{ formgen.render(form) }}` inside a form that posts to the
same view. A new widget is a subclass of ParamField in fields/ and its template in templates/forms/.
"""

from flowapp.web.forms.form import ParamsForm, PlainForm, build
from flowapp.web.forms.providers import Providers

__all__ = ["ParamsForm", "PlainForm", "Providers", "build"]
